//go:build fipsindicator

// Empty: with it in the package, functions may lack a body.
