;; As it should be.
