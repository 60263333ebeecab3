package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// output collects a report, which appears as a whole or not at all.
type output struct {
	*bufio.Writer
	file *os.File // nil: not a file of ours
	path string   // where file goes when it is whole; "" if it is there already
}

// openOutput returns an output to the file at path, or to stdout if there is no
// path. A regular file is replaced by a rename once it is whole; something else,
// such as a pipe or a device, is written as it stands.
func openOutput(path string, stdout io.Writer) (*output, error) {
	if path == "" {
		return &output{Writer: bufio.NewWriter(stdout)}, nil
	}
	target, err := filepath.EvalSymlinks(path) // so that a link stays one
	if errors.Is(err, fs.ErrNotExist) {
		target, err = path, nil
	}
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(target); err == nil {
		file, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return &output{Writer: bufio.NewWriter(file), file: file}, nil
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	file, err := createBeside(target)
	if err != nil {
		return nil, err
	}
	return &output{Writer: bufio.NewWriter(file), file: file, path: target}, nil
}

// createBeside creates a new file in the directory of target, with the permissions
// that a new target would have.
func createBeside(target string) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("%s.%d.tmp", target, os.Getpid()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// commit makes what was written appear.
func (o *output) commit() error {
	err := o.Flush()
	if o.file == nil {
		return err
	}
	if err == nil && o.path != "" {
		err = o.file.Sync()
	}
	if err == nil {
		err = o.file.Close()
	}
	if err == nil && o.path != "" {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		o.discard()
	}
	return err
}

// discard forgets what was written, after an error that says more than one of
// closing or removing the file would.
func (o *output) discard() {
	if o.file == nil {
		return
	}
	_ = o.file.Close()
	if o.path != "" {
		_ = os.Remove(o.file.Name())
	}
}
