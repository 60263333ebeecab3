// Package bench measures what each cipher suite of a registry costs an MLS group. It is
// the program suitebench as a package: [Main] makes any program a suitebench over its own
// registry.
//
//	func main() { bench.Main(mySuites) }
//
// The documentation of cmd/suitebench describes the commands and the quantities.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/registry"
)

// program is a suitebench over a registry.
type program struct {
	registry  *registry.Registry
	peers     func(registry.PeerSet) (*registry.Registry, error) // nil: there is no choice
	morePeers []registry.PeerSet                                 // beside those of package registry

	providers []registry.ProviderSet
	start     command // nil: it cannot start itself
}

// Option changes the program that [Main] runs.
type Option func(*program)

// WithPeerSets lets the user choose the set of post-quantum suites by --code-points.
// registryOf returns the registry that has a set of [registry.PeerSets] or of more.
func WithPeerSets(registryOf func(registry.PeerSet) (*registry.Registry, error), more ...registry.PeerSet) Option {
	return func(p *program) { p.peers, p.morePeers = registryOf, more }
}

// WithProviders prices the suites on other sets of providers too, beside those that the
// registry has. A set for another FIPS 140-3 mode than that of the process is priced by a
// child process: the program once more, so that [Main] has to be what it does.
func WithProviders(sets ...registry.ProviderSet) Option {
	return func(p *program) { p.providers = append(p.providers, sets...) }
}

// Main runs suitebench over the suites of r, with the arguments of the process, and ends
// the process. The exit status is 1 after an error, and 2 if policy explain explains a
// denial. An interrupt ends a run, a second one the process.
func Main(r *registry.Registry, options ...Option) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the process
	p := program{registry: r, start: itself}
	for _, option := range options {
		option(&p)
	}
	os.Exit(p.execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs the program and returns its exit status.
func (p program) execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := p.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	fitHelp(root, min(screenOf(stdout).width, pageWidth))
	switch err := root.ExecuteContext(ctx); {
	case errors.Is(err, errDenied):
		return denied
	case err != nil:
		complain(stderr, err)
		return 1
	}
	return 0
}

// fitHelp makes the help of all commands fit into a number of columns.
func fitHelp(root *cobra.Command, width int) {
	wrapped := fmt.Sprintf(".FlagUsagesWrapped %d", width)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", wrapped))
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		about := strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short))
		fmt.Fprint(cmd.OutOrStdout(), wrap(about+"\n\n"+cmd.UsageString(), width))
	})
}
