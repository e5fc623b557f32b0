;; Wants to resolve names.
;; in the component
(import "wasi:sockets/ip-name-lookup@0.2.0" (instance (export "resolve" (func))))
