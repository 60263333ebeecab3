package mls

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
)

// fingerprint is a hash of all that a Group remembers. Private keys enter it by
// their identity.
func fingerprint(g *Group) [32]byte {
	p := new(printer)
	p.bytes(g.public.contextBytes, g.public.tree.Hash(), g.public.interim, g.public.confirmationTag)
	p.flag(g.life.ended, g.secrets == nil)
	p.number(uint64(g.self.leaf))
	if g.secrets != nil {
		for _, row := range g.secrets.Table() {
			p.bytes(*row.Secret)
		}
	}
	fmt.Fprintf(p, "%p", g.self.leafKey)
	for _, n := range slices.Sorted(maps.Keys(g.self.pathKeys)) {
		fmt.Fprintf(p, "%d%p", n, g.self.pathKeys[n])
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	p.secretTree(g.inbox.ratchets)
	p.proposals(&g.inbox.cache)
	p.number(uint64(len(g.inbox.past)))
	for _, r := range g.inbox.resumptions {
		p.number(r.epoch)
		p.bytes(r.psk)
	}
	for _, ref := range slices.Sorted(maps.Keys(g.inbox.updates)) {
		fmt.Fprintf(p, "%x%p", ref, g.inbox.updates[ref].key)
	}
	for _, past := range g.inbox.past {
		p.bytes(past.public.contextBytes, past.senderData)
		p.secretTree(past.ratchets)
	}
	return sha256.Sum256(p.Bytes())
}

// publicFingerprint is fingerprint of a group without secrets.
func publicFingerprint(g *PublicGroup) [32]byte {
	p := new(printer)
	p.bytes(g.public.contextBytes, g.public.tree.Hash(), g.public.interim, g.public.confirmationTag)
	g.mu.Lock()
	defer g.mu.Unlock()
	p.proposals(&g.cache)
	p.bytes(g.groupInfo.encoded(g.public.tree))
	return sha256.Sum256(p.Bytes())
}

type printer struct{ bytes.Buffer }

// proposals prints all that a cache holds, whatever fields it has.
func (p *printer) proposals(c *proposalCache) { p.value(reflect.ValueOf(c).Elem()) }

// value prints what v holds, to any depth, but not whether a check was made already: that is
// no state.
func (p *printer) value(v reflect.Value) {
	if v.Type() == reflect.TypeFor[*nextSuiteCheck]() {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			p.value(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			p.bytes(v.Bytes())
			return
		}
		p.number(uint64(v.Len()))
		for i := range v.Len() {
			p.value(v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		p.number(uint64(len(keys)))
		for _, k := range keys {
			p.value(k)
			p.value(v.MapIndex(k))
		}
	case reflect.Pointer, reflect.Interface:
		p.flag(v.IsNil())
		if !v.IsNil() {
			p.value(v.Elem())
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		p.number(v.Uint())
	default:
		fmt.Fprint(p, v, ";")
	}
}

func (p *printer) bytes(all ...[]byte) {
	for _, b := range all {
		p.number(uint64(len(b)))
		p.Write(b)
	}
}

func (p *printer) number(all ...uint64) {
	for _, n := range all {
		p.Write(binary.BigEndian.AppendUint64(p.AvailableBuffer(), n))
	}
}

func (p *printer) flag(all ...bool) {
	for _, set := range all {
		if set {
			p.number(1)
		} else {
			p.number(0)
		}
	}
}

func (p *printer) secretTree(t *secrettree.Tree) {
	if t == nil {
		return
	}
	p.number(uint64(t.Version), uint64(len(t.Nodes)), uint64(len(t.Ratchets)))
	for _, n := range slices.Sorted(maps.Keys(t.Nodes)) {
		p.number(uint64(n))
		p.bytes(t.Nodes[n])
	}
	for _, leaf := range slices.Sorted(maps.Keys(t.Ratchets)) {
		l := t.Ratchets[leaf]
		for _, r := range []*secrettree.Ratchet{&l.Handshake, &l.Application} {
			p.bytes(r.Secret)
			p.number(uint64(leaf), uint64(r.Next), uint64(len(r.Kept)))
			for _, k := range r.Kept {
				p.number(uint64(k.Generation))
				p.bytes(k.Key, k.Nonce)
			}
		}
	}
}
