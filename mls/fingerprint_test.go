package mls

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// fingerprint is a hash of all that a Group remembers. Private keys enter it by
// their identity.
func fingerprint(g *Group) [32]byte {
	p := printer{sha256.New()}
	p.bytes(g.public.contextBytes, g.public.tree.hash(), g.public.interim, g.public.confirmationTag)
	p.number(g.life.ended, g.secrets == nil, g.self.leaf)
	if g.secrets != nil {
		for _, row := range g.secrets.table() {
			p.bytes(*row.secret)
		}
	}
	p.number(g.self.leafKey != nil)
	fmt.Fprintf(p, "%p", g.self.leafKey)
	for _, n := range slices.Sorted(maps.Keys(g.self.pathKeys)) {
		fmt.Fprintf(p, "%d%p", n, g.self.pathKeys[n])
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	p.secretTree(g.inbox.ratchets)
	p.proposals(&g.inbox.cache)
	p.number(uint32(len(g.inbox.past)))
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
	return [32]byte(p.Sum(nil))
}

// publicFingerprint is fingerprint of who has no secrets.
func publicFingerprint(g *PublicGroup) [32]byte {
	p := printer{sha256.New()}
	p.bytes(g.public.contextBytes, g.public.tree.hash(), g.public.interim, g.public.confirmationTag)
	g.mu.Lock()
	defer g.mu.Unlock()
	p.proposals(&g.cache)
	p.bytes(g.groupInfo)
	return [32]byte(p.Sum(nil))
}

type printer struct{ hash.Hash }

// proposals prints all that a cache holds, whatever fields it has.
func (p printer) proposals(c *proposalCache) { p.value(reflect.ValueOf(c).Elem()) }

// value prints what v holds, to any depth.
func (p printer) value(v reflect.Value) {
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
		p.number(uint32(v.Len()))
		for i := range v.Len() {
			p.value(v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		p.number(uint32(len(keys)))
		for _, k := range keys {
			p.value(k)
			p.value(v.MapIndex(k))
		}
	case reflect.Pointer, reflect.Interface:
		p.number(v.IsNil())
		if !v.IsNil() {
			p.value(v.Elem())
		}
	default:
		fmt.Fprint(p, v, ";")
	}
}

func (p printer) bytes(all ...[]byte) {
	for _, b := range all {
		p.number(uint32(len(b)))
		p.Write(b)
	}
}

func (p printer) number(all ...any) {
	for _, v := range all {
		binary.Write(p, binary.BigEndian, v)
	}
}

func (p printer) secretTree(t *secretTree) {
	if t == nil {
		return
	}
	p.number(t.version, uint32(len(t.nodes)), uint32(len(t.ratchets)))
	for _, n := range slices.Sorted(maps.Keys(t.nodes)) {
		p.number(n)
		p.bytes(t.nodes[n])
	}
	for _, leaf := range slices.Sorted(maps.Keys(t.ratchets)) {
		l := t.ratchets[leaf]
		for _, r := range []*ratchet{&l.handshake, &l.application} {
			p.bytes(r.secret)
			p.number(leaf, r.next, uint32(len(r.kept)))
			for _, k := range r.kept {
				p.number(k.generation)
				p.bytes(k.key, k.nonce)
			}
		}
	}
}
