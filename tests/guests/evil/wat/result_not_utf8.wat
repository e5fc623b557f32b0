;; The result is no text.
(func $run (param i32 i32 i32 i32) (result i32) (i32.store8 (i32.const 4096) (i32.const 0xff)) (i32.const 512))
