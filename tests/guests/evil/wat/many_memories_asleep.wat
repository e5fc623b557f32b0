;; Four memories, and sleeps.
(func $run (param i32 i32 i32 i32) (result i32) (call $block (call $subscribe (i64.const -1))) (i32.const 512))
;; in the component
(core module $One (memory 1))
(core instance (instantiate $One))
(core instance (instantiate $One))
(core instance (instantiate $One))
