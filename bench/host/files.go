package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// systemFiles returns the root of the file system on Linux and Android. Elsewhere it
// returns files that none can open.
func systemFiles() fs.FS {
	if runtime.GOOS == "linux" || runtime.GOOS == "android" {
		return os.DirFS("/")
	}
	return noFiles{}
}

// noFiles is the file system of a machine without /proc and /sys.
type noFiles struct{}

// Open returns an error.
func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errNoFiles}
}

var errNoFiles = fmt.Errorf("only Linux and Android tell it in files, and this is %s", runtime.GOOS)

// readFile returns the text of a file, or an error in words.
func readFile(files fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(files, name)
	switch {
	case err == nil:
		return string(text), nil
	case errors.Is(err, errNoFiles):
		return "", errNoFiles
	case errors.Is(err, fs.ErrNotExist):
		return "", &fileError{"there is no /" + name, err}
	case errors.Is(err, fs.ErrPermission):
		return "", &fileError{"this process may not read /" + name, err}
	}
	return "", fmt.Errorf("/%s cannot be read (%w)", name, err)
}

// fileError says in words why a file was not read.
type fileError struct {
	text string
	err  error
}

func (e *fileError) Error() string { return e.text }

func (e *fileError) Unwrap() error { return e.err }

// parseError says that a file has not the form that is known.
func parseError(name string) error {
	return fmt.Errorf("/%s has a form that is not known", name)
}

// field returns what follows a key at the start of a line, without space and colon around it.
func field(text, key string) (string, bool) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, key)
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], " \t:") {
			continue
		}
		return strings.Trim(rest, " \t\n:"), true
	}
	return "", false
}
