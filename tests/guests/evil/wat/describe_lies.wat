;; Says that there are 2^31 actions.
(func $describe (result i32) (i32.store (i32.const 260) (i32.const 0x80000000)) (i32.const 256))
