"""The language held against certlogic-js, the reference implementation in JavaScript."""
