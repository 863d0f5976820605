# How every plot looks: readable in print, without colours too.
set datafile separator ','
set key tmargin center horizontal maxcols 3 samplen 1.5 spacing 1.1
set border 3 linewidth 1
set tics nomirror out
set grid ytics linetype 1 linecolor rgb '#dddddd'
set style fill solid 0.85 border rgb 'black'
set errorbars linewidth 1.5
set boxwidth 0.85 relative
set style line 1 linecolor rgb '#1b4f8f' linewidth 2 pointtype 7 dashtype 1
set style line 2 linecolor rgb '#d9822b' linewidth 2 pointtype 5 dashtype 2
set style line 3 linecolor rgb '#3a8f3a' linewidth 2 pointtype 9 dashtype 4
set style line 4 linecolor rgb '#8a8a8a' linewidth 2 pointtype 13 dashtype 3
