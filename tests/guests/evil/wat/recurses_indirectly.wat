;; Calls itself through a table, for ever.
(table $table 1 funcref)
(elem (table $table) (i32.const 0) func $deeper)
(type $deeper' (func (param i64) (result i64)))
(func $deeper (type $deeper')
  (i64.add (i64.const 1) (call_indirect $table (type $deeper') (local.get 0) (i32.const 0))))
(func $run (param i32 i32 i32 i32) (result i32) (drop (call $deeper (i64.const 0))) (i32.const 512))
