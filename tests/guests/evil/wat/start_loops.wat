;; The start function never ends, not even for `describe`.
(func $begin (loop (br 0)))
