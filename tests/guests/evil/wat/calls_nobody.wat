;; Calls through an empty place of a table.
(table $table 2 funcref)
(type $nothing (func))
(func $run (param i32 i32 i32 i32) (result i32) (call_indirect $table (type $nothing) (i32.const 1)) (i32.const 512))
