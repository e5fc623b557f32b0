;; Imports a function that its interface does not have.
;; in the component
(import "wasi:random/insecure@0.2.0" (instance (export "get-dice" (func (result u64)))))
