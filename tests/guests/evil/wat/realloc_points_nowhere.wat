;; The input is to be written behind the end of memory.
(func $realloc (param i32 i32 i32 i32) (result i32) (i32.const 0xfffffff8))
