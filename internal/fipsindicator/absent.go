//go:build !fipsindicator

package fipsindicator

const linked = false

func get() uint8 { return unset }
func set(uint8)  {}
