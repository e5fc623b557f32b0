;; Wants a table of half a million elements before it begins.
(table 500000 funcref)
