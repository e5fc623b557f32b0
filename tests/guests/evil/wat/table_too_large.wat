;; Wants a table of ten million elements before it begins.
(table 10000000 funcref)
