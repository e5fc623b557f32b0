;; Calls a function as if it were another.
(table $table 1 funcref)
(elem (table $table) (i32.const 0) func $begin)
(type $other (func (param i64) (result i64)))
(func $run (param i32 i32 i32 i32) (result i32)
  (drop (call_indirect $table (type $other) (i64.const 1) (i32.const 0)))
  (i32.const 512))
