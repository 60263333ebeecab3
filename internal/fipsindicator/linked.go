//go:build fipsindicator

package fipsindicator

import _ "unsafe" // for go:linkname

const linked = true

//go:linkname get crypto/internal/fips140.getIndicator
func get() uint8

//go:linkname set crypto/internal/fips140.setIndicator
func set(uint8)
