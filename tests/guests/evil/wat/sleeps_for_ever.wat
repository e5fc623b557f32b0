;; Sleeps for as long as a number can say.
(func $run (param i32 i32 i32 i32) (result i32) (call $block (call $subscribe (i64.const -1))) (i32.const 512))
