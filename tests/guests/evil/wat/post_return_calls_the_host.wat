;; Calls the host while the result is cleared away.
(func $post_run (param i32)
  (call $log (i32.const 1) (i32.const 4096) (i32.const 1) (i32.const 0) (i32.const 0)))
