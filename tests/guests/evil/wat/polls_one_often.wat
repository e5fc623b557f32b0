;; Waits for the same timer 8,000 times at one time.
(func $run (param i32 i32 i32 i32) (result i32)
  (local $timer i32) (local $at i32)
  (local.set $timer (call $subscribe (i64.const -1)))
  (local.set $at (i32.const 65536))
  (loop $more
    (i32.store (local.get $at) (local.get $timer))
    (local.set $at (i32.add (local.get $at) (i32.const 4)))
    (br_if $more (i32.lt_u (local.get $at) (i32.const 97536))))
  (call $poll (i32.const 65536) (i32.const 8000) (i32.const 1024))
  (i32.const 512))
