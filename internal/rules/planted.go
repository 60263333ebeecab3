package main

import (
	_ "embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed planted.tsv
var plantedTSV string

// A plantedFault is a change of one line after which a test of its rule has to fail. It
// is for what is no check: what is erased, bounded, released, or computed once.
type plantedFault struct {
	rule     string // section/item
	file     string // of the module
	old, new string // old stands once in the file
}

// plantedFor stands in the ids of planted faults, and of no checks.
const plantedFor = " planted for "

func (p *plantedFault) String() string {
	return p.file + plantedFor + p.rule + ": " + p.new
}

func (p *plantedFault) folder() string { return path.Dir(p.file) }

func loadPlanted() ([]plantedFault, error) { return parsePlanted(plantedTSV) }

func parsePlanted(tsv string) ([]plantedFault, error) {
	lines := strings.Split(strings.TrimSuffix(tsv, "\n"), "\n")
	if want := "rule\tfile\told\tnew"; lines[0] != want {
		return nil, fmt.Errorf("planted.tsv: the first line is %q, not %q", lines[0], want)
	}
	var all []plantedFault
	for i, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 4 || f[0] == "" || f[1] == "" || f[2] == "" || f[2] == f[3] {
			return nil, fmt.Errorf("planted.tsv, line %d: want a rule, a file, and two texts that differ", i+2)
		}
		all = append(all, plantedFault{f[0], f[1], f[2], f[3]})
	}
	return all, nil
}

// overlay returns the file with the fault in it.
func (p *plantedFault) overlay(root string) (string, error) {
	src, err := os.ReadFile(filepath.Join(root, p.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(src), p.old); n != 1 {
		return "", fmt.Errorf("planted.tsv: %q stands %d times in %s", p.old, n, p.file)
	}
	return strings.Replace(string(src), p.old, p.new, 1), nil
}

// runPlanted compiles the tests of the fault's rule with it, and runs them.
func (m *mutation) runPlanted(x *mutant, tests map[string][]string) error {
	text, err := x.planted.overlay(m.root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(m.dir, "planted-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return err
	}
	if err := writeOverlay(overlay, map[string]string{filepath.Join(m.root, x.planted.file): changed}); err != nil {
		return err
	}
	for _, folder := range inOrder(tests, x.folder) {
		binary := filepath.Join(dir, "planted.test")
		if message, err := m.compile(overlay, folder, binary); err != nil {
			return fmt.Errorf("%s: %w\n%s", x.id, err, message)
		}
		if done, err := m.kill(x, binary, folder, tests[folder], killedByOwn); done || err != nil {
			return err
		}
	}
	return nil
}
