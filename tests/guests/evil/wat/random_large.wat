;; Asks for 1 GiB of random bytes.
(func $run (param i32 i32 i32 i32) (result i32) (call $random (i64.const 0x40000000) (i32.const 1024)) (i32.const 512))
