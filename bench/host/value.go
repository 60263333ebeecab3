package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Value is a figure, or the reason why there is none. The zero Value has none. T is a
// type whose JSON form is no object.
type Value[T any] struct {
	value     T
	available bool
	why       string
}

// Available returns the Value that is v.
func Available[T any](v T) Value[T] { return Value[T]{value: v, available: true} }

// NotAvailable returns the Value that is not there, because of why. The text of
// why completes the sentence "not available, because ...".
func NotAvailable[T any](why error) Value[T] { return Value[T]{why: why.Error()} }

// valueOf returns the Value of a function's two results.
func valueOf[T any](v T, err error) Value[T] {
	if err != nil {
		return NotAvailable[T](err)
	}
	return Available(v)
}

// Get returns the figure and true, or the zero T and false if there is none.
func (v Value[T]) Get() (T, bool) { return v.value, v.available }

// Err returns nil if the figure is there, or an error that says why it is not.
func (v Value[T]) Err() error {
	switch {
	case v.available:
		return nil
	case v.why == "":
		return errors.New("nothing was measured")
	}
	return errors.New(v.why)
}

// String returns the figure as [fmt.Print] shows it, with two decimals if it is a
// float64, or "not available, because ...".
func (v Value[T]) String() string {
	if err := v.Err(); err != nil {
		return "not available, because " + err.Error()
	}
	if f, ok := any(v.value).(float64); ok {
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprint(v.value)
}

// missing is the JSON form of a Value that is not there.
type missing struct {
	Why string `json:"not_available"`
}

// MarshalJSON returns the figure as it is encoded by itself, or the object
// {"not_available": "..."} with the reason.
func (v Value[T]) MarshalJSON() ([]byte, error) {
	if err := v.Err(); err != nil {
		return json.Marshal(missing{err.Error()})
	}
	return json.Marshal(v.value)
}

// UnmarshalJSON reads what MarshalJSON wrote. It returns an error for everything else.
func (v *Value[T]) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		var figure T
		if err := json.Unmarshal(data, &figure); err != nil {
			return err
		}
		*v = Available(figure)
		return nil
	}
	var m missing
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return err
	}
	*v = Value[T]{why: m.Why}
	return nil
}
