package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// output collects a report, which appears whole or not at all.
type output struct {
	*bufio.Writer
	file   *os.File // nil: not a file of ours
	path   string   // where file goes when it is whole; "" if it is there already
	screen *os.File // standard output, or nil
}

// openOutput returns an output to the file at path, or to stdout if path is empty. A
// regular file is replaced by a rename once the report is whole, and keeps its
// permissions. Anything else, such as a pipe or a device, is written to directly. A
// symbolic link stays one; a dangling link is refused.
func openOutput(path string, stdout io.Writer) (*output, error) {
	if path == "" {
		screen, _ := stdout.(*os.File)
		return &output{Writer: bufio.NewWriter(stdout), screen: screen}, nil
	}
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		file, err := createBeside(path, 0o666)
		if err != nil {
			return nil, err
		}
		return &output{Writer: bufio.NewWriter(file), file: file, path: path}, nil
	}
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	old, err := os.OpenFile(target, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	info, err := old.Stat()
	if err == nil && !info.Mode().IsRegular() {
		return &output{Writer: bufio.NewWriter(old), file: old}, nil
	}
	if err := errors.Join(err, old.Close()); err != nil {
		return nil, err
	}
	file, err := createBeside(target, 0)
	if err != nil {
		return nil, err
	}
	o := &output{Writer: bufio.NewWriter(file), file: file, path: target}
	if err := file.Chmod(info.Mode().Perm()); err != nil {
		o.discard()
		return nil, err
	}
	return o, nil
}

// onScreen returns the screen of standard output; a file has none.
func (o *output) onScreen() screen {
	if o.screen == nil {
		return screen{width: pageWidth}
	}
	return screenOfFile(o.screen)
}

// createBeside creates a new file in the directory of target, with mode before the
// umask.
func createBeside(target string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("%s.%d.tmp", target, os.Getpid()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// commit makes the report appear.
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

// discard forgets the report after an error. That error says more than an error of
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
