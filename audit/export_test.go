package audit

// StartedAs is [Started] of a program in the given mode, with the given module and build.
var StartedAs = started
