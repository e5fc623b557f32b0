;; Imports an interface that nobody offers.
;; in the component
(import "zonda:action/backdoor@0.1.0" (instance (export "open" (func))))
