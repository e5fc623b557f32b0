;; Asks for random bytes until there are none.
(func $run (param i32 i32 i32 i32) (result i32)
  (loop (call $random (i64.const 64) (i32.const 1024)) (br 0))
  unreachable)
