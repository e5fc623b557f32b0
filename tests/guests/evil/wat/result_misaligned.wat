;; The result stands where none may.
(func $run (param i32 i32 i32 i32) (result i32) (i32.const 513))
