;; Shares its memory between threads that there are not.
;; in the component
(core module $Shared (memory 1 1 shared))
(core instance (instantiate $Shared))
