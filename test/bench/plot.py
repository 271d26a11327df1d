"""Draws table.md of a directory: presign.svg (SQL and outside) and flow.svg (the whole flow)."""
import os
import re
import sys

import matplotlib

matplotlib.use('svg')
matplotlib.rcParams['svg.hashsalt'] = 'neon_s3'
import matplotlib.pyplot as plt  # noqa: E402


def sections(text):
    found, title = {}, None
    for line in text.splitlines():
        if heading := re.fullmatch(r'\*\*(.*)\*\*', line):
            title = found.setdefault(heading.group(1), [])
        elif title is not None and line.startswith('| ') and not line.startswith('| ---'):
            title.append([cell.strip() for cell in line.strip('|').split('|')])
    return {title: rows[1:] for title, rows in found.items()}


def number(cell):
    return float(cell.replace(',', ''))


def bars(path, title, unit, values, caption, logarithmic):
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(values) + 1.5))
    names = [name for name, _ in values][::-1]
    numbers = [value for _, value in values][::-1]
    drawn = axes.barh(names, numbers, color=['#2a6fbb' if 's3_' in name or 'neon_s3' in name else '#b0b0b0' for name in names])
    axes.bar_label(drawn, labels=[f'{value:,.2f}' if value < 20 else f'{value:,.0f}' for value in numbers], padding=3, fontsize=8)
    axes.set_title(title, fontsize=10, loc='left')
    axes.set_xlabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.margins(x=0.12)
    if logarithmic:
        axes.set_xscale('log')
    axes.spines[['top', 'right']].set_visible(False)
    figure.text(0.01, 0.01, caption, fontsize=6, color='#606060', wrap=True)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(path, metadata={'Date': None})


def main(directory):
    with open(os.path.join(directory, 'table.md')) as file:
        text = file.read()
    caption = text.split('\n', 1)[0].replace('`', '')
    tables = sections(text)
    presign = [(name, number(net)) for name, _, net in tables['2. SQL, one backend'] if name != 'count(k)' and 'JIT' not in name]
    presign += [(f'{name}, outside', number(value)) for name, value in tables['3. Outside']]
    bars(os.path.join(directory, 'presign.svg'), 'One presigned URL', 'µs of CPU, net of count(k), logarithmic', presign, caption, True)
    statements = [(name.replace(', 8, off, prepared', ''), number(rate)) for name, rate, *_ in tables['4. URL and row in one statement (pgbench)']
                  if name.endswith(', 8, off, prepared')]
    http = [(name, number(rate)) for name, rate, *_ in tables['Backends over HTTP, 8 connections']]
    bars(os.path.join(directory, 'flow.svg'), 'URL and row, 8 connections, synchronous_commit off in pgbench', 'uploads a second, logarithmic',
         statements + http, caption, True)


if __name__ == '__main__':
    main(sys.argv[1])
