;; Divides by zero.
(func $run (param i32 i32 i32 i32) (result i32) (i32.div_s (i32.const 1) (i32.load (i32.const 8000))))
