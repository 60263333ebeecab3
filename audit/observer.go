package audit

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Observer returns an observer that logs each event.
func Observer(l *slog.Logger) event.Observer { return observer{l} }

type observer struct{ *slog.Logger }

func (o observer) Observe(e event.Event) {
	switch e := e.(type) {
	case event.GroupEntered:
		o.entered(e)
	case event.EpochAdopted:
		o.adopted(e)
	case event.GroupLeft:
		o.info("group left", group(e.Group), committer(e.Committer, e.Author))
	case event.SecretExported:
		of := slog.String("label", e.Label)
		if e.Component != nil {
			of = slog.String("component", component(*e.Component))
		}
		o.info("secret exported", group(e.Group), of, slog.Int("length", e.Length))
	case event.MessageRefused:
		o.refused(e)
	case event.ActRefused:
		attrs := append([]slog.Attr{group(e.Group)}, concerning(e.Err)...)
		write(o.Logger, slog.LevelWarn, "act refused", append(attrs, reasons(e.Err)...)...)
	case event.SenderLapsed:
		attrs := append([]slog.Attr{group(e.Group), slog.String("content_type", e.Content.String())}, lapsed(&e)...)
		write(o.Logger, slog.LevelWarn, "sender lapsed", append(attrs, reasons(e.Lapse)...)...)
	}
}

func (o observer) info(message string, attrs ...slog.Attr) {
	write(o.Logger, slog.LevelInfo, message, attrs...)
}

func (o observer) entered(e event.GroupEntered) {
	attrs := []slog.Attr{group(e.Group), slog.String("how", e.How.String()), slog.Int("members", e.Size)}
	if p := e.Previous; p != nil {
		previous := []any{octets("id", p.ID), slog.Uint64("epoch", p.Epoch), slog.String("usage", usageName(p.Usage))}
		if p.Suite != 0 {
			previous = append(previous, slog.String("suite", p.Suite.String()))
		}
		attrs = append(attrs, slog.Group("previous", previous...))
	}
	o.info("group entered", attrs...)
	o.members(e.Group, e.Members)
}

func (o observer) adopted(e event.EpochAdopted) {
	counts := map[event.Reason]int{}
	for _, c := range e.Changes {
		counts[c.Reason]++
	}
	attrs := []slog.Attr{
		group(e.Group), committer(e.Committer, e.Author),
		slog.Int("added", counts[event.Added]),
		slog.Int("updated", counts[event.Updated]),
		slog.Int("removed", counts[event.Removed]),
		slog.Int("resynced", counts[event.Resynced]),
		slog.Bool("extensions_changed", e.ExtensionsChanged),
		slog.Int("psks", len(e.PSKs)),
	}
	if len(e.Custom) > 0 {
		types := make([]string, len(e.Custom))
		for i, t := range e.Custom {
			types[i] = t.String()
		}
		attrs = append(attrs, slog.Any("custom_proposals", types))
	}
	if len(e.AppData) > 0 {
		list := make([]string, len(e.AppData))
		for i, x := range e.AppData {
			list[i] = component(x.Component) + " " + x.What.String()
		}
		attrs = append(attrs, slog.Any("app_data", list))
	}
	if r := e.ReInit; r != nil {
		attrs = append(attrs, slog.Group("reinit", octets("group_id", r.GroupID),
			slog.String("suite", r.CipherSuite.String()), slog.String("version", versionName(r.Version))))
	}
	o.info("epoch adopted", attrs...)
	o.members(e.Group, e.Changes)
}

// members logs one record for each change.
func (o observer) members(g event.GroupState, changes []event.Change) {
	for _, c := range changes {
		change := c.Reason.String()
		if c.Reason == event.Joined {
			change = "present"
		}
		attrs := []slog.Attr{group(g), slog.String("change", change), slog.Uint64("leaf", uint64(c.Leaf))}
		attrs = append(attrs, client(c.Credential, c.SignatureKey)...)
		if c.Old != nil && string(c.Old.Content) != string(c.Credential.Content) {
			attrs = append(attrs, fingerprint("old_credential", c.Old.Content))
		}
		o.info("member", attrs...)
	}
}

func (o observer) refused(e event.MessageRefused) {
	var attrs []slog.Attr
	if e.Group.ID != nil {
		attrs = append(attrs, group(e.Group))
	}
	if e.Format != 0 {
		attrs = append(attrs, slog.String("wire_format", e.Format.String()))
	}
	if e.Content != 0 {
		attrs = append(attrs, slog.String("content_type", e.Content.String()))
	}
	if sender, ok := errors.AsType[*event.SenderLapsed](e.Err); ok {
		attrs = append(attrs, lapsed(sender)...)
	}
	attrs = append(append(attrs, concerning(e.Err)...), reasons(e.Err)...)
	write(o.Logger, slog.LevelWarn, "message refused", attrs...)
}

// usageName returns the name that RFC 9420, Section 8.4, gives to a usage of a resumption
// PSK, or its number.
func usageName(u message.ResumptionPSKUsage) string {
	if names := [...]string{"", "application", "reinit", "branch"}; 0 < u && int(u) < len(names) {
		return names[u]
	}
	return fmt.Sprintf("0x%02X", uint8(u))
}

// versionName returns the name of a version of MLS, or its number.
func versionName(v uint16) string {
	if v == 1 {
		return "mls10"
	}
	return fmt.Sprintf("0x%04X", v)
}

// component returns the number of a component, whose name may yet change.
func component(id message.ComponentID) string { return fmt.Sprintf("0x%04X", uint16(id)) }
