;; The result is neither `done` nor `pending`.
(func $run (param i32 i32 i32 i32) (result i32) (i32.store8 (i32.const 516) (i32.const 9)) (i32.const 512))
