package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// Bounds on a profile's file.
const (
	maxFile  = 1 << 16 // bytes
	maxDepth = 16      // of nesting
	maxItems = 512     // of one list or mapping, and steps of moves
)

// node is a value of a YAML document and its place.
type node struct {
	yaml *yaml.Node
	at   Position
}

// entry is a key of a mapping and its value.
type entry struct {
	key   string
	value node
}

// document reads one file. It reports faults to problems. A faulty value then counts as
// absent.
type document struct {
	*problems
	file string
}

// root returns the file's one document.
func (d *document) root(data []byte) (node, bool) {
	start := Position{File: d.file, Line: 1, Column: 1}
	if len(data) > maxFile {
		d.add(start, "a profile has at most %d bytes", maxFile)
		return node{}, false
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		d.syntax(start, err)
		return node{}, false
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		d.add(start, "the file is empty")
		return node{}, false
	} else if err != nil {
		d.syntax(start, err)
		return node{}, false
	}
	if err := loader.Load(&second); err == nil {
		d.add(d.position(&second, ""), "a file holds one profile, not several documents")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(start, err)
	}
	top := &first
	if top.Kind == yaml.DocumentNode && len(top.Content) == 1 {
		top = top.Content[0]
	}
	return node{top, d.position(top, "")}, len(d.found) == 0
}

// syntax reports an error of the YAML library at its place.
func (d *document) syntax(start Position, err error) {
	at, text := start, err.Error()
	var one *yaml.LoadError
	var several *yaml.LoadErrors
	if errors.As(err, &several) && len(several.Errors) > 0 {
		one = several.Errors[0]
	}
	if one != nil || errors.As(err, &one) {
		at.Line, at.Column, text = max(1, one.Mark.Line), max(1, one.Mark.Column), one.Message
	}
	d.add(at, "%s", text)
}

func (d *document) position(n *yaml.Node, key string) Position {
	return Position{File: d.file, Line: max(1, n.Line), Column: max(1, n.Column), Key: key}
}

// plain reports whether n is no alias and has no tag and no anchor.
func (d *document) plain(n node) bool {
	if n.yaml.Kind == yaml.AliasNode || n.yaml.Anchor != "" {
		d.add(n.at, "anchors and aliases are not for profiles")
		return false
	}
	if n.yaml.Style&yaml.TaggedStyle != 0 {
		d.add(n.at, "tags are not for profiles")
		return false
	}
	return true
}

// mapping returns the entries of n in order. It reports keys that are no names and keys
// that occur twice.
func (d *document) mapping(n node) []entry {
	if !d.plain(n) {
		return nil
	}
	if n.yaml.Kind != yaml.MappingNode {
		d.add(n.at, "want a mapping of keys to values, not %s", describeNode(n.yaml))
		return nil
	}
	if !d.fits(n, len(n.yaml.Content)/2) {
		return nil
	}
	var entries []entry
	for i := 0; i+1 < len(n.yaml.Content); i += 2 {
		keyNode, valueNode := n.yaml.Content[i], n.yaml.Content[i+1]
		at := d.position(keyNode, n.at.Key)
		if keyNode.Kind != yaml.ScalarNode || keyNode.Anchor != "" || keyNode.Style&yaml.TaggedStyle != 0 || keyNode.Value == "" {
			d.add(at, "a key has to be a plain name")
			continue
		}
		at.Key = join(n.at.Key, keyNode.Value)
		if slices.ContainsFunc(entries, func(e entry) bool { return e.key == keyNode.Value }) {
			d.add(at, "stands twice")
			continue
		}
		entries = append(entries, entry{keyNode.Value, node{valueNode, at}})
	}
	return entries
}

// fits reports whether n may have this many items.
func (d *document) fits(n node, items int) bool {
	if items > maxItems {
		d.add(n.at, "%d items, and at most %d are read", items, maxItems)
	}
	return items <= maxItems
}

// says reports whether a mapping has a key, even misspelt or with a faulty value: the
// fault has been reported.
func says(entries []entry, key string) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return oneSlip(e.key, key) })
}

// oneSlip reports whether a differs from b by one letter that is missing, extra or wrong,
// or by two that are swapped.
func oneSlip(a, b string) bool {
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	return len(x) <= 1 && len(y) <= 1 || len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]
}

// unknown reports a key that does not belong here.
func (d *document) unknown(e entry, known ...string) {
	d.add(e.value.at, "unknown key; known here: %s", strings.Join(known, ", "))
}

// list returns the items of n, reported at their own lines.
func (d *document) list(n node) []node {
	if !d.plain(n) {
		return nil
	}
	if n.yaml.Kind != yaml.SequenceNode {
		d.add(n.at, "want a list, not %s", describeNode(n.yaml))
		return nil
	}
	if !d.fits(n, len(n.yaml.Content)) {
		return nil
	}
	items := make([]node, len(n.yaml.Content))
	for i, c := range n.yaml.Content {
		items[i] = node{c, d.position(c, n.at.Key+"["+strconv.Itoa(i)+"]")}
	}
	return items
}

// scalar returns the text of n as it is written, whatever YAML would make of it.
func (d *document) scalar(n node) (string, bool) {
	if !d.plain(n) {
		return "", false
	}
	if n.yaml.Kind != yaml.ScalarNode || strings.TrimSpace(n.yaml.Value) == "" {
		d.add(n.at, "want a value, not %s", describeNode(n.yaml))
		return "", false
	}
	return strings.TrimSpace(n.yaml.Value), true
}

// texts returns the scalars of a list, or n itself if it is a scalar.
func (d *document) texts(n node) []node {
	if n.yaml.Kind == yaml.ScalarNode {
		return []node{n}
	}
	return d.list(n)
}

// eachText calls f for the texts of n that are scalars. It returns the number of all
// texts of n.
func (d *document) eachText(n node, f func(at Position, s string)) int {
	items := d.texts(n)
	for _, item := range items {
		if s, ok := d.scalar(item); ok {
			f(item.at, s)
		}
	}
	return len(items)
}

// oneOf returns the scalar n if it is one of words.
func (d *document) oneOf(n node, words ...string) (string, bool) {
	s, ok := d.scalar(n)
	if ok && !slices.Contains(words, s) {
		d.add(n.at, "%q is not one of: %s", s, strings.Join(words, ", "))
		return "", false
	}
	return s, ok
}

// name returns the scalar n if it can be a name: letters, digits, ".", "_" and "-", at
// most 64.
func (d *document) name(n node) (string, bool) {
	s, ok := d.scalar(n)
	if ok && !isName(s) {
		d.add(n.at, "%q is no name: letters, digits, '.', '_' and '-', at most 64", s)
		return "", false
	}
	return s, ok
}

func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r))
	})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func describeNode(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.Value == "" || n.Tag == "!!null" {
			return "nothing"
		}
		return fmt.Sprintf("%q", n.Value)
	}
	return "an alias"
}
