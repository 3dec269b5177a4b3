"""How our own test vectors are made: identities, payloads, recipes, files (`testdata/make.py`).

A *recipe* says what is wrong or odd with one pass and what must be found in it; everything else of
the pass is as it should be. What must be found is written by hand in each recipe and never computed
by what is to be tested.
"""
