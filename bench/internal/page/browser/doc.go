// Package browser looks at the page of suitebench report in headless Chromium. It is a
// module of its own, so that what drives a browser is no dependency of the others.
package browser
