;; Runs where nothing runs.
(func $run (param i32 i32 i32 i32) (result i32) unreachable)
