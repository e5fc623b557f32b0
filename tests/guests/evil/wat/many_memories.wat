;; One module has more memories than a run may have.
;; in the component
(core module $Many (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1))
(core instance (instantiate $Many))
