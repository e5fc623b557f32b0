;; Exports what has the right names and the wrong types.
(component
  (core module $Main (func (export "nothing")))
  (core instance $main (instantiate $Main))
  (func $nothing (canon lift (core func $main "nothing")))
  (instance $actions (export "describe" (func $nothing)) (export "run" (func $nothing)))
  (export "zonda:action/actions@0.1.0" (instance $actions)))
