;; The start function traps.
(func $begin unreachable)
