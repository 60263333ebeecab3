package mls

import (
	"bytes"
	"fmt"
	"reflect"
	"unsafe"
)

// reach walks all memory that can be reached from values, unexported fields and all,
// and looks for secrets in it.
type reach struct {
	secrets map[string][]byte // by name
	seen    map[visit]bool
	found   map[string]string // path by name of the secret
}

type visit struct {
	at  unsafe.Pointer
	typ reflect.Type
	len int
}

// reachable returns where secrets lie in memory that can be reached from roots, by
// their names.
func reachable(secrets map[string][]byte, roots map[string]any) map[string]string {
	r := &reach{secrets: secrets, seen: map[visit]bool{}, found: map[string]string{}}
	for name, root := range roots {
		r.walk(name, reflect.ValueOf(root))
	}
	return r.found
}

func (r *reach) look(path string, b []byte) {
	for name, secret := range r.secrets {
		if len(secret) > 0 && bytes.Contains(b, secret) {
			r.found[name] = path
		}
	}
}

// enter reports whether what lies at a place has not been walked yet.
func (r *reach) enter(at unsafe.Pointer, typ reflect.Type, n int) bool {
	v := visit{at, typ, n}
	if at == nil || r.seen[v] {
		return false
	}
	r.seen[v] = true
	return true
}

func (r *reach) walk(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || !r.enter(v.UnsafePointer(), v.Type(), 0) {
			return
		}
		if v.Type() == reflect.TypeFor[*claim]() { // which the collector ends if its candidate is dropped
			c := (*claim)(v.UnsafePointer())
			c.mu.Lock()
			defer c.mu.Unlock()
		}
		r.walk(path, v.Elem())
	case reflect.Interface:
		if !v.IsNil() {
			r.walk(path+"("+v.Elem().Type().String()+")", v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			r.walk(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			r.walk(path+"[key]", it.Key())
			r.walk(fmt.Sprintf("%s[]", path), it.Value())
		}
	case reflect.String:
		r.look(path, []byte(v.String()))
	case reflect.Slice:
		if v.Cap() == 0 || !r.enter(v.UnsafePointer(), v.Type(), v.Cap()) {
			return
		}
		r.elements(path, v.Type().Elem(), v.UnsafePointer(), v.Cap()) // what lies behind its length too
	case reflect.Array:
		r.array(path, v)
	}
}

// elements walks n values of a type in a row.
func (r *reach) elements(path string, elem reflect.Type, at unsafe.Pointer, n int) {
	switch elem.Kind() {
	case reflect.Uint8:
		r.look(path, unsafe.Slice((*byte)(at), n))
		return
	case reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Int, reflect.Uint, reflect.Bool:
		return
	}
	for i := range n {
		r.walk(fmt.Sprintf("%s[%d]", path, i), reflect.NewAt(elem, unsafe.Add(at, uintptr(i)*elem.Size())).Elem())
	}
}

func (r *reach) array(path string, v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b := make([]byte, v.Len())
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		r.look(path, b)
		return
	}
	for i := range v.Len() {
		r.walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
	}
}
