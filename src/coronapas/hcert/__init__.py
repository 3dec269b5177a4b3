"""The container of a health pass, one module a layer in wire order (hcert-spec 1.0).

``cwt`` (claims) → ``cose`` (signed message) → ``compression`` → ``base45`` → ``envelope`` (text
with its prefix, and all layers seen at once). ``cbor`` is the reader that the first two share.
The room knows nothing of what a pass says: the content of claim -260 is handed on as it was
decoded.
"""
