module github.com/mlsuite/mlsuite

go 1.26.0

require (
	github.com/stretchr/testify v1.12.1
	golang.org/x/crypto v0.58.0
)

require (
	filippo.io/mldsa v1.0.0 // indirect
	filippo.io/mlkem768 v0.0.0-20241021091500-d85de16e2039 // indirect
	github.com/cloudflare/circl v1.6.5 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
