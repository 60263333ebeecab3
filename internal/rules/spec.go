package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// A demand is a keyword in the text of RFC 9420.
type demand struct {
	section string
	ordinal int // within the section, from 1
	keyword string
	line    int    // of the paragraph
	context string // what stands around it
}

var (
	keywords = regexp.MustCompile(`\bMUST NOT\b|\bMUST\b|\b[Vv]erify that\b|\bis invalid\b`)
	heading  = regexp.MustCompile(`^(#{1,4}) `)
)

// demands returns the keywords of Sections 5 to 16 of the Markdown source of
// RFC 9420. Figures and code do not count.
func demands(markdown string) []demand {
	var all []demand
	var number [4]int
	var paragraph []string
	var start, count int
	section, fence := "", false
	flush := func() {
		text := strings.Join(paragraph, " ")
		paragraph = nil
		if number[0] < 5 || number[0] > 16 {
			return
		}
		for _, at := range keywords.FindAllStringIndex(text, -1) {
			count++
			all = append(all, demand{section, count, text[at[0]:at[1]], start,
				text[max(0, at[0]-80):min(len(text), at[1]+100)]})
		}
	}
	for i, line := range strings.Split(markdown, "\n") {
		switch {
		case strings.HasPrefix(line, "~~~"), strings.HasPrefix(line, "```"):
			flush()
			fence = !fence
		case fence:
		case strings.TrimSpace(line) == "":
			flush()
		case heading.MatchString(line):
			flush()
			level := len(heading.FindStringSubmatch(line)[1])
			number[level-1]++
			clear(number[level:])
			parts := make([]string, level)
			for k := range parts {
				parts[k] = strconv.Itoa(number[k])
			}
			section, count = strings.Join(parts, "."), 0
		default:
			if len(paragraph) == 0 {
				start = i + 1
			}
			paragraph = append(paragraph, strings.TrimSpace(line))
		}
	}
	flush()
	return all
}

func writeDemands(out io.Writer, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, d := range demands(string(text)) {
		if _, err := fmt.Fprintf(out, "%s/%d\t%s\tline %d\t%s\n", d.section, d.ordinal, d.keyword, d.line, d.context); err != nil {
			return err
		}
	}
	return nil
}
