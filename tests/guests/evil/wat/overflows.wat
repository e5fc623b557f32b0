;; Divides what has no quotient.
(func $run (param i32 i32 i32 i32) (result i32)
  (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (i32.const 8000)) (i32.const 1))))
