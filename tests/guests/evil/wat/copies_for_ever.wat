;; Copies all of its memory over itself, again and again; no copy can be interrupted.
(func $run (param i32 i32 i32 i32) (result i32)
  (drop (memory.grow (i32.const 700)))
  (loop (memory.copy (i32.const 0) (i32.const 65536) (i32.const 0x2a00000)) (br 0))
  unreachable)
