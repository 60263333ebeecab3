// Package avx clears the upper halves of the vector registers of amd64.
//
// Code that computes on registers of 256 bits has to clear their upper halves before it
// returns, by VZEROUPPER (Intel 64 and IA-32 Architectures Optimization Reference Manual,
// "Mixing SSE Code and AVX Code"). If it does not, each later instruction on 128 bits of
// the older encoding merges with the upper half and waits for the one before it. SHA-256 by
// the SHA extensions is made of these, and then takes 40 to 300 times as long, until
// something clears the halves.
package avx
