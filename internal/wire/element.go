package wire

import (
	"fmt"
	"reflect"
)

// SizeOf returns about how many bytes of memory a T takes by itself.
func SizeOf[T any]() int { return (int(reflect.TypeFor[T]().Size()) + 7) &^ 7 }

// ReadNew reads a T, for whose memory it charges. After an error it may return the zero
// T.
func ReadNew[T any](r *Reader, unmarshal func(*T, *Reader)) *T {
	r.Charge(SizeOf[T]())
	x := new(T)
	if r.Err() == nil {
		unmarshal(x, r)
	}
	return x
}

// WriteAll writes T<V>.
func WriteAll[T any](w *Writer, all []T, marshal func(*T, *Writer)) {
	w.Vector(func(w *Writer) {
		for i := range all {
			marshal(&all[i], w)
		}
	})
}

// ReadAll reads T<V>. It counts the elements before it makes room for them, so that a
// sender gains nothing by a few large ones between thousands of small ones: skip passes
// over what unmarshal reads, and gets nil.
func ReadAll[T any](r *Reader, skip, unmarshal func(*T, *Reader)) []T {
	return ReadOver(r, []T{}, skip, unmarshal)
}

// ReadOver is [ReadAll] over the elements of room, or over new ones if there are more than
// room has capacity for.
func ReadOver[T any](r *Reader, room []T, skip, unmarshal func(*T, *Reader)) []T {
	all := room[:0]
	r.Within(func() {
		count := r.Count(func(r *Reader) { skip(nil, r) })
		if count == 0 || !r.Charge(count*SizeOf[T]()) {
			return
		}
		if cap(all) < count {
			all = make([]T, 0, count)
		}
		for !r.Empty() {
			if len(all) == count { // the last one, of which skip saw less, is malformed
				r.Fail(Malformed("vector of more than %d elements", count))
				return
			}
			all = all[:len(all)+1]
			unmarshal(&all[len(all)-1], r)
		}
	})
	return all
}

// WriteCodePoints writes a vector of two-byte code points.
func WriteCodePoints[T ~uint16](w *Writer, all []T) {
	w.Header(2 * len(all))
	for _, v := range all {
		w.Uint16(uint16(v))
	}
}

// ReadCodePoints reads a vector of two-byte code points over those of room, or over new ones
// if there are more than room has capacity for.
func ReadCodePoints[T ~uint16](r *Reader, room []T) []T {
	b := r.content()
	if !r.Charge(len(b)) {
		return nil
	}
	if len(b)%2 != 0 {
		r.Fail(errTruncated)
		return nil
	}
	n := len(b) / 2
	if room == nil || cap(room) < n {
		room = make([]T, n)
	}
	all := room[:n]
	for i := range all {
		all[i] = T(b[2*i])<<8 | T(b[2*i+1])
	}
	return all
}

// WriteEnum writes a value of a closed enum, whose values are 1 to last.
func WriteEnum[T ~uint8](w *Writer, kind string, v, last T) {
	if v == 0 || v > last {
		w.Fail(badEnum(kind, uint8(v)))
	}
	w.Uint8(uint8(v))
}

// ReadEnum reads a value of a closed enum, whose values are 1 to last.
func ReadEnum[T ~uint8](r *Reader, kind string, last T) T {
	v := T(r.Uint8())
	if v == 0 || v > last {
		r.Fail(badEnum(kind, uint8(v)))
	}
	return v
}

func badEnum(kind string, v uint8) error { return malformed(fmt.Sprintf("%s %d", kind, v)) }

// Parse reads from the whole of b what unmarshal reads. The error wraps ErrMalformed, or is
// the one with which unmarshal failed otherwise; what names in it what b should be.
func Parse(b []byte, what string, unmarshal func(*Reader)) error {
	return parse(NewReader(b), what, unmarshal)
}

// ParseOwned is Parse of what nobody else will change: what is read may share parts of b
// that do not outlive it.
func ParseOwned(b []byte, what string, unmarshal func(*Reader)) error {
	return parse(NewOwnedReader(b), what, unmarshal)
}

func parse(r *Reader, what string, unmarshal func(*Reader)) error {
	unmarshal(r)
	return r.Parsed(what)
}

// ParseNew reads a new T from the whole of b, as Parse does, and returns nothing that is
// half read.
func ParseNew[T any](b []byte, what string, unmarshal func(*T, *Reader)) (*T, error) {
	x := new(T)
	if err := Parse(b, what, func(r *Reader) { unmarshal(x, r) }); err != nil {
		return nil, err
	}
	return x, nil
}
