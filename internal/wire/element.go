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
	all := []T{}
	r.Within(func() {
		count := r.Count(func(r *Reader) { skip(nil, r) })
		if count == 0 || !r.Charge(count*SizeOf[T]()) {
			return
		}
		all = make([]T, 0, count)
		for !r.Empty() {
			if len(all) == count { // the last one, of which skip saw less, is malformed
				r.Fail(Malformed("vector of %d elements has more", count))
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
	w.Vector(func(w *Writer) {
		for _, v := range all {
			w.Uint16(uint16(v))
		}
	})
}

// ReadCodePoints reads a vector of two-byte code points.
func ReadCodePoints[T ~uint16](r *Reader) []T {
	v := r.Vector()
	if !r.Charge(v.Len()) {
		return nil
	}
	all := make([]T, 0, v.Len()/2)
	for !v.Empty() {
		all = append(all, T(v.Uint16()))
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
