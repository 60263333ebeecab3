// Rules keeps the list of what RFC 9420 demands and of the test that breaks each
// demand. The list is rules.tsv; this command counts it, writes RULES.md from it,
// and takes every check out, one at a time, and plants the faults of planted.tsv, to
// see that a test fails:
//
//	go run ./internal/rules count
//	go run ./internal/rules doc
//	go run ./internal/rules extract rfc9420.md
//	go run ./internal/rules mutate [-run REGEXP] [-calls] [-every N] [-j N] [-v] [-record]
package main

//go:generate go run . doc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rules:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: rules count | doc | extract FILE | mutate [flags]")
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	switch command, rest := args[0], args[1:]; command {
	case "count":
		rules, err := loadRules()
		if err != nil {
			return err
		}
		return writeCounts(out, rules)
	case "doc":
		text, err := document(root)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(root, documentName), text, 0o644)
	case "extract":
		if len(rest) != 1 {
			return errors.New("usage: rules extract FILE")
		}
		return writeDemands(out, rest[0])
	case "mutate":
		return mutate(root, rest, out)
	default:
		return fmt.Errorf("no command %q", command)
	}
}

// moduleRoot returns the nearest directory above that holds a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod here or above")
		}
		dir = parent
	}
}
